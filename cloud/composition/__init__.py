"""The one place where ports meet implementations.

``core`` opens what every process has, ``serving`` composes `serve`, ``workers`` the broker, the
worker and migrations, ``bringing_up`` composes `up`, and ``doors`` hands all of it to the terminal.
"""
