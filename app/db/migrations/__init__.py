"""Schema changes in order, run by `rising-stars migrate`. A migration never imports `app.db.models`."""
