"""QuestionnaireResponses: walked along their form, judged by it, written."""
