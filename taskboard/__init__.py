"""The board: tasks with readable IDs, assigned to members or agents."""
