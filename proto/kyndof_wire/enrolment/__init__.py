"""Wire messages: enrolment."""
