"""`rising-stars`, group by group: what an operator does to clips, votes, accounts and sessions."""
