-- name: rounded
-- How many of a tenant's invoices the target rounded, as the note on their amounts says.
SELECT count(*) AS n FROM publisher.delivery
WHERE tenant = %(tenant)s AND flow = 'invoices' AND amount_note LIKE '%%roundoff%%';
