-- Administrative gender as it stands now: male, female, other; unknown counts as not known.
SELECT id AS subject, CASE WHEN gender <> 'unknown' THEN gender END AS value
FROM patients
