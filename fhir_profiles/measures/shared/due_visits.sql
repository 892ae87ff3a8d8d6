-- Visits (`visits`) of somebody that were due in the period, and whether one was to be after the person's death: not where
-- they came. What has no patient, such as a meeting of staff, is no visit.
SELECT
  v.*,
  v.status NOT IN ('arrived', 'checked-in', 'fulfilled')
    AND coalesce(v.start_at >= p.deceased_at, p.deceased, FALSE) AS after_death
FROM visits v
LEFT JOIN zones z ON z.department = v.department
LEFT JOIN deaths_by_zone p ON p.subject = v.subject AND p.zone = coalesce(z.zone, 'UTC')
WHERE v.subject IS NOT NULL AND v.start_at >= $start AND v.start_at < $end
