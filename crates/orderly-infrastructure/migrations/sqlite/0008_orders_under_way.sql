-- How many orders are on their way is asked many times a second by who places many of them. Those that have ended, nearly
-- all in time, are not in its way.
CREATE INDEX orders_under_way ON orders (tenant)
    WHERE status IN ('Pending', 'Validated', 'PaymentProcessing', 'Paid', 'Shipped');
