"""The model card of the base bundle, written from what training measured."""

from cloud.infrastructure.training.base_training import BasePlan, Trained
from cloud.infrastructure.training.bundle_files import VERSION
from cloud.infrastructure.training.rendering import KINDS
from cloud.infrastructure.training.where_training import Area

_CARD = """# base {version}

`model.onnx` (fixed filters, nothing learned) describes cloth by 24 numbers per 8 px cell.
`judges.onnx` takes a style's own mean and whitening as inputs and answers with the distance to the
style's good pieces and with the logit of a trained head. `kinds.onnx` takes the same and names the
kind of what was found; it is asked only there.

* Input: RGB tiles, uint8, sides in multiples of 32 px, 512 px as a rule.
* Trained from scratch on rendered cloth only, no photograph and no foreign weights: {styles}
  styles, half of them of the nine families and half greige, {steps} steps of the where-head and
  {kind_steps} of the what-head, seed {seed}: `kyndof train base --styles {styles} --steps {steps}
  --kind-steps {kind_steps}{close_options} --seed {seed}`. On the same versions of the \
libraries it gives these
  bytes again; elsewhere its figures lie within the intervals stated here (95 %, held-out styles
  drawn anew).
* Tiles of {held_out} rendered styles that were held out, AUROC: where-head {head}, distance {bank},
  both together, as a station judges, {both}.
* Kinds: {kinds}. On {flaws} flaws of the held-out styles {accuracy:.0%} are given the right kind.
  A kind is named from a confidence of {confidence:.2f}, else the flaw is `unknown_anomaly`:
  {named:.0%} of known kinds are named, {precision:.0%} of these rightly; {unknown:.0%} of anomalies
  without a name stay unknown (it was chosen there for 80 % of both).
{close}\
* Not for: slow changes of colour over more than about 100 px, seams, outlines, labels; slanted
  lines fainter than the weave's own unevenness are missed.
* Measured on photographs and on kinds left out of training: cloud/docs/vision-figures.md. AITEX was
  looked at while this was developed, so its figures are a check, not a proof.
"""

_CLOSE = """\
* Close look: `close_kinds.onnx` names kinds in the place of `kinds.onnx`, by the pixels of the
  place that was found, beside its departures and its cells. Trained on {styles} other styles, four
  flaws each, drawn anew some times until a person can see them, {steps} steps. On {flaws} flaws of
  the styles held out of these {accuracy:.0%} are given the right kind. A kind is named from a
  confidence of {confidence:.2f}: {named:.0%} of known kinds are named, {precision:.0%} of these
  rightly; {unknown:.0%} of anomalies without a name stay unknown (it was chosen there too).
"""


def card_of(plan: BasePlan, trained: Trained) -> str:
    """Return the card of a training."""
    named = trained.named
    return _CARD.format(
        version=VERSION,
        seed=plan.seed,
        styles=plan.style_count,
        steps=plan.step_count,
        kind_steps=plan.kind_step_count,
        close_options=_close_options(plan),
        close=_close(plan, trained),
        held_out=plan.held_out_count,
        head=_shown(trained.judged.head),
        bank=_shown(trained.judged.bank),
        both=_shown(trained.judged.both),
        kinds=", ".join(f"`{kind}`" for kind in KINDS),
        flaws=named.flaw_count,
        accuracy=named.accuracy_ratio,
        confidence=named.confidence_ratio,
        named=named.named_ratio,
        precision=named.precision_ratio,
        unknown=named.unknown_ratio,
    )


def _close_options(plan: BasePlan) -> str:
    """Return the options that ask for the close look, nothing where there is none."""
    if not plan.close_style_count:
        return ""
    return f" --close-styles {plan.close_style_count} --close-steps {plan.close_step_count}"


def _close(plan: BasePlan, trained: Trained) -> str:
    """Return what the card says of the close look, nothing where there is none."""
    named = trained.close_named
    if named is None:
        return ""
    return _CLOSE.format(
        styles=plan.close_style_count,
        steps=plan.close_step_count,
        flaws=named.flaw_count,
        accuracy=named.accuracy_ratio,
        confidence=named.confidence_ratio,
        named=named.named_ratio,
        precision=named.precision_ratio,
        unknown=named.unknown_ratio,
    )


def _shown(area: Area) -> str:
    return f"{area.auroc_ratio:.3f} [{area.low_ratio:.3f}, {area.high_ratio:.3f}]"
