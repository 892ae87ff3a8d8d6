-- Courses of depression by the total of the PHQ-9 (or of its form for the young). One begins with the first total over 9
-- of a person in a calendar year (UTC). What has become of it is the latest total within 60 days of the day 12 months
-- later. Until these days are over it is open, for a later total may still come. Only courses of which the day 12 months
-- later is asked about are listed, at that moment.
WITH totals AS (
  SELECT
    o.id,
    coalesce(s.survivor_id, o.patient_id) AS subject,
    coalesce(o.effective_at, o.instant_at, o.period_start_at, o.timing_at, o.issued_at) AS measured_at,
    CAST(coalesce(o.value_integer, o.value_number) AS DOUBLE) AS total,
    o.department_id,
    o.response_id,
    o.encounter_id
  FROM scores o
  LEFT JOIN survivors s ON s.patient_id = o.patient_id
  WHERE o.loinc_code IN ('44261-6', '89204-2')
    AND o.status IN ('final', 'amended', 'corrected')
    AND o.patient_id IS NOT NULL
), high AS (
  SELECT *, row_number() OVER (PARTITION BY subject, date_trunc('year', measured_at) ORDER BY measured_at, id) AS place
  FROM totals
  WHERE total > 9
), due AS (
  SELECT
    *,
    measured_at + INTERVAL 12 MONTH AS year_later,
    date_trunc('day', measured_at + INTERVAL 12 MONTH) - INTERVAL 60 DAY AS looked_from,
    date_trunc('day', measured_at + INTERVAL 12 MONTH) + INTERVAL 61 DAY AS looked_until
  FROM high
  WHERE place = 1 AND measured_at + INTERVAL 12 MONTH >= $start AND measured_at + INTERVAL 12 MONTH < $end
), looked AS (
  SELECT d.id, t.total, row_number() OVER (PARTITION BY d.id ORDER BY t.measured_at DESC, t.id DESC) AS place
  FROM due d
  JOIN totals t ON t.subject = d.subject AND t.measured_at >= d.looked_from AND t.measured_at < d.looked_until AND t.total IS NOT NULL
), seen AS (
  SELECT
    d.id,
    coalesce(e.department_id, e.organization_id, w.organization_id, l.organization_id) AS department,
    coalesce(e.practitioner_id, w.practitioner_id) AS practitioner
  FROM due d
  JOIN encounters e ON e.id = d.encounter_id
  LEFT JOIN practitioner_roles w ON w.id = e.practitioner_role_id
  LEFT JOIN locations l ON l.id = e.location_id
  WHERE coalesce(e.status, 'unknown') <> 'entered-in-error'
), otherwise_ill AS (
  -- What keeps somebody out: bipolar, schizophrenia and other psychoses, emotionally unstable personality, pervasive
  -- developmental disorder; palliative care. Each code that a Condition has is looked at; of ICD-10 the dot may be left out.
  SELECT
    coalesce(s.survivor_id, c.patient_id) AS subject,
    min(coalesce(c.onset_at, c.onset_from_at, c.recorded_at, c.last_updated_at)) AS known_at
  FROM condition_codings k
  JOIN conditions c ON c.id = k.id
  LEFT JOIN survivors s ON s.patient_id = c.patient_id
  WHERE coalesce(c.verification_status, 'confirmed') NOT IN ('refuted', 'entered-in-error', 'unconfirmed', 'differential')
    AND (
      (
        (k.system LIKE '%/icd-10%' OR k.system IN ('urn:oid:2.16.840.1.113883.6.90', 'urn:oid:2.16.840.1.113883.6.3'))
        AND (
          substr(k.code, 1, 3) IN ('F20', 'F21', 'F22', 'F23', 'F24', 'F25', 'F28', 'F29', 'F30', 'F31', 'F84')
          OR substr(replace(k.code, '.', ''), 1, 4) IN ('F603', 'Z515')
        )
      )
      OR (
        k.system IN ('http://snomed.info/sct', 'urn:oid:2.16.840.1.113883.6.96')
        AND k.code IN ('13746004', '58214004', '69322001', '20010003', '35919005')
      )
    )
  GROUP BY 1
)
SELECT
  'Observation/' || d.id AS resource,
  d.subject,
  d.year_later,
  coalesce(d.department_id, r.department_id, v.department) AS department,
  v.practitioner,
  d.total AS first_total,
  k.total AS last_total,
  d.looked_until > $now AS is_open,
  coalesce(p.birth_date + INTERVAL 12 YEAR > d.measured_at, FALSE) AS is_child,
  coalesce(x.deceased, FALSE) OR coalesce(x.deceased_at < d.looked_until, FALSE)
    OR coalesce(o.known_at < d.looked_until, FALSE) AS is_out
FROM due d
LEFT JOIN seen v ON v.id = d.id
LEFT JOIN looked k ON k.id = d.id AND k.place = 1
LEFT JOIN patients p ON p.id = d.subject
LEFT JOIN otherwise_ill o ON o.subject = d.subject
LEFT JOIN responses r ON r.id = d.response_id
LEFT JOIN zones z ON z.department = coalesce(d.department_id, r.department_id, v.department)
LEFT JOIN deaths_by_zone x ON x.subject = d.subject AND x.zone = coalesce(z.zone, 'UTC')
