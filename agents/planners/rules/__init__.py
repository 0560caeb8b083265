"""The rule planner: goal, items, prices, bids and money by written rules from shrunk estimates."""
