SwaggerUIBundle({
  // Relative, as every address of the pages: a proxy may serve all of it below a prefix.
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  // null: by default Swagger UI sends the document to a validator on the internet.
  validatorUrl: null,
});
