"""The web room: runs, workflows, the frame around every page, and the words and shapes templates use."""
