"""Who there is: workspaces, members, groups, API keys, and the workspace in scope. The lowest room."""
