"""Who may do what: the RABSIC matrices, approvals, absence, delegation."""
