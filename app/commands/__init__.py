"""The command groups of `rising-stars`: videos, votes, accounts and sessions."""
