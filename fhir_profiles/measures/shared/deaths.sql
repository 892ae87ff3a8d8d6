-- People who have died. Few have, so that who is looked up here is found sooner than among all.
SELECT id AS subject, deceased, deceased_at
FROM patients
WHERE deceased OR deceased_at IS NOT NULL
