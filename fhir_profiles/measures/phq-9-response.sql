-- Courses of which the total has come down by half or more 12 months after they began, of those of which the time to look is over.
SELECT
  resource,
  subject,
  year_later AS at,
  department,
  practitioner,
  NOT is_child AS initial_population,
  NOT is_open AS denominator,
  is_out AS denominator_exclusion,
  last_total * 2 <= first_total AS numerator,
  NOT is_child AND is_open AS open,
  NOT is_child AND NOT is_open AND NOT is_out AND last_total IS NULL AS unmeasured,
  first_total,
  last_total
FROM courses
