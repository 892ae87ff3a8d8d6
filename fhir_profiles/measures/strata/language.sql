-- The language that the person prefers, else the first that is told; regions of a language are one.
SELECT id AS subject, lower(split_part(coalesce(language, any_language), '-', 1)) AS value
FROM patients
