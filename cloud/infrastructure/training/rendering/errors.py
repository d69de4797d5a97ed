"""What the renderer refuses to draw."""


class ImpossibleSceneError(Exception):
    """A scene asks for something that cannot lie on a table; the message says what."""

    code = "IMPOSSIBLE_SCENE"
