"""What all pages share: the visit of a person, forms, rendering, security headers and error pages."""
