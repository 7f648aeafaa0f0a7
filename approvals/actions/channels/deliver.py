"""Everything that delivers news of prompts and takes answers to it: importing this registers each with its service."""

from approvals.actions.channels import asides, fanning, mailing, pressing, showing

__all__ = ["asides", "fanning", "mailing", "pressing", "showing"]
