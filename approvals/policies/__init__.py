"""The rules of deciding, as pure functions: who is asked, who may decide, what happens when nobody does."""
