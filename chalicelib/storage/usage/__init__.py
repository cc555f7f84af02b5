"""Usage, in the `stats` table: a row for each org, day and model or metric, and a mark for each thing counted."""
