"""Webhooks: the door for other systems' messages, and the hand that delivers ours."""
