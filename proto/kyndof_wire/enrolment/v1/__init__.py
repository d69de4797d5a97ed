"""Wire messages: enrolment, version 1."""
