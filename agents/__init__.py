"""AI teammates: identity, skills, model, tools, budget and live status."""
