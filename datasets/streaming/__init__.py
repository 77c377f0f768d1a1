"""The stores as training reads them: in which order, which bytes, onto which device."""
