"""Approvals: who is asked, who may decide, and that each prompt ends once."""
