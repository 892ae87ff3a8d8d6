-- People who have died. Few have, so that who is looked up here is found sooner than among all.
SELECT
  id AS subject,
  deceased,
  deceased_at,
  -- From when on they have died for sure: of whom the day alone is known once that day is over anywhere.
  deceased_at + CASE WHEN deceased_at = date_trunc('day', deceased_at) THEN INTERVAL 36 HOUR ELSE INTERVAL 0 HOUR END
    AS surely_at
FROM patients
WHERE deceased OR deceased_at IS NOT NULL
