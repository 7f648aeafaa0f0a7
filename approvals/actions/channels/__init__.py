"""How people hear of prompts outside the browser, and answer there: mails with a link, messages in Slack, digests."""
