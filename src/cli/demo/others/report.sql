SELECT customer.name,
       COUNT(*)                         AS orders,
       SUM(line.price * line.quantity)  AS total
FROM orders
JOIN customer ON customer.id = orders.customer_id
JOIN line ON line.order_id = orders.id
WHERE orders.placed_at >= DATE '2025-01-01'
GROUP BY customer.name
HAVING COUNT(*) > 3
ORDER BY total DESC
LIMIT 20;
