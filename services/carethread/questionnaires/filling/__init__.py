"""The page on which somebody fills in a form: by a link, without scripts, and kept at every step."""
