"""The demo: example workflows, and the workspace "Acme" that shows them at work."""
