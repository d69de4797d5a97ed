"""The one bus every mutation takes."""
