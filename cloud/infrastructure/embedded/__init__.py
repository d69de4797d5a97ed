"""PostgreSQL and the MQTT broker as children of `kyndof up`."""
