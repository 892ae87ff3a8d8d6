-- How old a person is on the last day of the period, in bands; who has died is as old as on that day. Who is born on
-- 29 February is a year older on 1 March in other years.
WITH known AS (
  SELECT
    id AS subject,
    birth_date,
    CASE
      WHEN CAST(deceased_at AS DATE) < CAST($utc_end - INTERVAL 1 DAY AS DATE) THEN CAST(deceased_at AS DATE)
      ELSE CAST($utc_end - INTERVAL 1 DAY AS DATE)
    END AS day
  FROM patients
), aged AS (
  SELECT
    subject,
    extract(YEAR FROM day) - extract(YEAR FROM birth_date)
      - CASE
          WHEN extract(MONTH FROM day) * 100 + extract(DAY FROM day)
            < extract(MONTH FROM birth_date) * 100 + extract(DAY FROM birth_date) THEN 1
          ELSE 0
        END AS years
  FROM known
)
SELECT
  subject,
  CASE
    WHEN years < 0 THEN NULL
    WHEN years < 18 THEN '0-17'
    WHEN years < 40 THEN '18-39'
    WHEN years < 65 THEN '40-64'
    WHEN years < 80 THEN '65-79'
    WHEN years >= 80 THEN '80+'
  END AS value
FROM aged
