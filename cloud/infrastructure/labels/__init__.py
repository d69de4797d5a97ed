"""Labels as PDF and ZPL."""
