"""What the cloud asks of the station."""
