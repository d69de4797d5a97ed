"""The parts of the system, by id; tests name the parts that they show.

A part that is not built yet carries a ``planned`` reason; one that is shown in part says what is
``missing``. Both lists only shrink.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part: what it is called, why it is not there yet, or what of it is not there yet."""

    title: str
    planned: str = ""
    missing: str = ""


REQUIREMENTS: dict[str, Part] = {
    "BUS": Part(title="Command bus"),
    "RAB": Part(title="RABSIC permissions"),
    "APR": Part(title="Approvals"),
    "SES": Part(title="Sessions", missing="Slack threads and the agents' context"),
    "EVT": Part(title="Event bus"),
    "REG": Part(title="Plugin registry"),
    "JOB": Part(title="Background jobs", missing="jobs of agents"),
    "NOT": Part(title="Notifications", missing="Slack, kiosk and e-mail"),
    "SLK": Part(title="Slack app (Bolt)", planned="comes with the surfaces"),
    "WEB": Part(title="Web dashboard", missing="the screens of parts that are planned"),
    "TER": Part(title="Terminal"),
    "API": Part(title="REST"),
    "GQL": Part(title="GraphQL"),
    "HOK": Part(title="Webhooks"),
    "KSK": Part(title="Kiosk"),
    "VEN": Part(title="Vendor page", planned="comes with the surfaces"),
    "WOR": Part(title="Work orders", missing="CLO3D and DXF"),
    "LBL": Part(title="Labels"),
    "TRK": Part(title="Production tracker"),
    "CAP": Part(title="Capture"),
    "SCN": Part(title="Scanning"),
    "DEF": Part(title="Defect inference"),
    "MEA": Part(title="Measurement"),
    "VER": Part(title="Verdict"),
    "MQT": Part(title="MQTT"),
    "BUF": Part(title="Durable buffer"),
    "SYN": Part(title="Sync"),
    "FLT": Part(title="Fleet", missing="logs are read at the station, not gathered in the cloud"),
    "ROL": Part(title="Model rollout"),
    "RWK": Part(title="Rework"),
    "FBK": Part(title="Feedback", missing="gaps and disagreements as a data set"),
    "TRN": Part(title="Retraining", missing="corrections gathered from the cloud by themselves"),
    "GAT": Part(title="Gate", missing="critical flaws and latency"),
    "ACC": Part(title="Dashboard", planned="comes with learning"),
    "ADV": Part(title="Production advisor", planned="comes with learning"),
    "LES": Part(title="Agent lessons", planned="comes with learning"),
    "PRO": Part(title="Prometheus, the planner", planned="comes with agents"),
    "ATL": Part(title="Atlas, the executor", planned="comes with agents"),
    "FUN": Part(title="Function agents", planned="comes with agents"),
    "SPE": Part(title="Specialist agents", planned="comes with agents"),
    "LLM": Part(title="Model providers", planned="comes with agents"),
    "MCP": Part(title="MCP registry", planned="comes with agents"),
    "WFM": Part(title="Workflow modules", planned="comes with workflows"),
    "MOD": Part(title="Module builder", planned="comes with workflows"),
    "AUT": Part(title="Automation builder", planned="comes with automations"),
    "KNO": Part(title="Knowledge", planned="comes with knowledge"),
    "SOT": Part(title="Source of truth", planned="comes with knowledge"),
    "CCH": Part(title="Cache"),
    "DBS": Part(title="Database"),
    "IAM": Part(title="Authentication"),
    "ENC": Part(title="Encryption"),
    "AUD": Part(title="Audit"),
    "OBS": Part(title="Observability", missing="metrics and traces"),
    "DEP": Part(title="Deployment", missing="Kubernetes"),
    "DOC": Part(title="Documents", missing="runbook and deployment"),
}
