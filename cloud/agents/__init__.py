"""Plans, planners and executors of the company's agents."""
