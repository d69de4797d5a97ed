"""The kiosk and the cloud's wishes."""
