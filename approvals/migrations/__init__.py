"""The history of the approvals tables."""
