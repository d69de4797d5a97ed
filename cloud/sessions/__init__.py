"""One conversation across interfaces."""
