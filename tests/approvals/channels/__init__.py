"""Tests of how people hear of prompts outside the browser, and answer there."""
