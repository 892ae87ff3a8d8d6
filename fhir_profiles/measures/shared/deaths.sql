-- People who have died. Few have, so that who is looked up here is found sooner than among all.
SELECT
  id AS subject,
  deceased,
  deceased_at,
  -- From when on they have died for sure.
  deceased_until_at AS surely_at,
  -- Of whom the day, the month or the year alone is known: both moments are by the clocks of where they died.
  deceased_until_at > deceased_at AS by_clocks
FROM patients
WHERE deceased OR deceased_at IS NOT NULL
