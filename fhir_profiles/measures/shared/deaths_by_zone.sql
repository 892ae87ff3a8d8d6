-- People who have died, and when in UTC, for each zone in which departments are: of whom the day, the month or the year
-- alone is known it is by the clocks there. Of a unit: that of the zone of its department, else `UTC`.
SELECT
  d.subject,
  z.zone,
  d.deceased,
  CASE WHEN d.by_clocks THEN d.deceased_at AT TIME ZONE z.zone AT TIME ZONE 'UTC' ELSE d.deceased_at END AS deceased_at,
  CASE WHEN d.by_clocks THEN d.surely_at AT TIME ZONE z.zone AT TIME ZONE 'UTC' ELSE d.surely_at END AS surely_at,
  d.by_clocks
FROM deaths d
CROSS JOIN (SELECT DISTINCT zone FROM zones) z
