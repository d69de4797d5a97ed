"""The one place where ports meet implementations."""
