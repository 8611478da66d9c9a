"""The methods of :class:`ticketcore.TicketCore`: commands to tickets, commands to customers, queries."""
