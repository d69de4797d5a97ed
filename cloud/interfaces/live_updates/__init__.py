"""The WebSocket that passes events on as they come."""
