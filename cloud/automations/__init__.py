"""From an interview to a deployed automation."""
