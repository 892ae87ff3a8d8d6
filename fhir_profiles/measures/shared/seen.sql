-- When a person was seen, and by whom: an Encounter outside of a stay that has begun, or an Appointment that took
-- place and of which no Encounter of that person tells: none that names it, nor one near it that names none, or on its
-- day where no more is known. A visit of several people is one for each; who has declined has not come.
WITH met AS NOT MATERIALIZED (
  SELECT e.id, e.subject, e.appointment_id, e.start_at AS at, e.begun_by_at, e.department, e.practitioner
  FROM stays e
  WHERE e.subject IS NOT NULL
    AND e.start_at IS NOT NULL
    AND e.status IN ('arrived', 'triaged', 'in-progress', 'onleave', 'finished')
    AND coalesce(e.class_code, 'AMB') NOT IN ('IMP', 'ACUTE', 'NONAC', 'OBSENC', 'PRENC', 'SS')
    AND e.part_of_id IS NULL
), held AS NOT MATERIALIZED (
  SELECT * FROM visits WHERE status = 'fulfilled' AND start_at IS NOT NULL
), accompanied AS (
  -- Whoever is not the first participant; most visits have nobody else.
  SELECT p.id, coalesce(s.survivor_id, p.patient_id) AS subject
  FROM appointment_participants p
  LEFT JOIN survivors s ON s.patient_id = p.patient_id
  WHERE p.number > 0 AND p.patient_id IS NOT NULL
), apart AS (
  -- Whose coming an Encounter tells, and who has declined.
  SELECT m.appointment_id AS id, m.subject
  FROM met m
  UNION ALL
  SELECT n.appointment_id, m.subject
  FROM encounter_appointments n
  JOIN met m ON m.id = n.id
  WHERE n.number > 0
  UNION ALL
  SELECT p.id, coalesce(s.survivor_id, p.patient_id)
  FROM appointment_participants p
  LEFT JOIN survivors s ON s.patient_id = p.patient_id
  WHERE p.status = 'declined'
), unnamed AS (
  -- With what is near: twelve hours around, or the day by the clocks of its department.
  SELECT
    m.subject,
    m.practitioner,
    CASE
      WHEN m.begun_by_at > m.at
        THEN date_trunc('day', m.at) AT TIME ZONE coalesce(z.zone, 'UTC') AT TIME ZONE 'UTC' - INTERVAL 1 MILLISECOND
      ELSE m.at - INTERVAL 12 HOUR
    END AS near_from,
    CASE
      WHEN m.begun_by_at > m.at
        THEN (date_trunc('day', m.at) + INTERVAL 1 DAY) AT TIME ZONE coalesce(z.zone, 'UTC') AT TIME ZONE 'UTC'
      ELSE m.at + INTERVAL 12 HOUR
    END AS near_until
  FROM met m
  LEFT JOIN zones z ON z.department = m.department
  WHERE m.appointment_id IS NULL AND m.practitioner IS NOT NULL
), came AS (
  SELECT h.subject, h.id, h.start_at AS at, h.department, h.practitioner
  FROM held h
  WHERE h.subject IS NOT NULL
  UNION ALL
  SELECT DISTINCT a.subject, h.id, h.start_at AS at, h.department, h.practitioner
  FROM accompanied a
  JOIN held h ON h.id = a.id
  WHERE a.subject <> h.subject
)
SELECT m.subject, 'Encounter/' || m.id AS resource, m.at, m.department, m.practitioner
FROM met m
UNION ALL
SELECT c.subject, 'Appointment/' || c.id AS resource, c.at, c.department, c.practitioner
FROM came c
LEFT JOIN apart a ON a.id = c.id AND a.subject = c.subject
WHERE a.subject IS NULL
  AND NOT EXISTS (
    SELECT 1
    FROM unnamed u
    WHERE u.subject = c.subject AND u.practitioner = c.practitioner
      AND c.at > u.near_from AND c.at < u.near_until
  )
