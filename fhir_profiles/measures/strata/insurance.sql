-- Of what kind the first coverage is that holds on the last day of the period; both its own first and last day count.
-- Who has none is not known: an EHR may send none.
WITH held AS (
  SELECT
    coalesce(s.survivor_id, c.patient_id) AS subject,
    coalesce(c.type_code, c.type_text) AS kind,
    row_number() OVER (
      PARTITION BY coalesce(s.survivor_id, c.patient_id) ORDER BY coalesce(c.place, 1000), c.id
    ) AS number
  FROM coverages c
  LEFT JOIN survivors s ON s.patient_id = c.patient_id
  WHERE c.status = 'active'
    AND (c.start_at IS NULL OR CAST(c.start_at AS DATE) < CAST($utc_end AS DATE))
    AND (c.until_at IS NULL OR c.until_at > $utc_end - INTERVAL 1 DAY)
)
SELECT subject, kind AS value FROM held WHERE number = 1
