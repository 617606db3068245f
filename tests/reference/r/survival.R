# Freezes answers of R's survival: Kaplan-Meier with log-log limits, restricted means, Cox regression (Breslow's ties) with the robust
# variance by patient and by clinic, the check of proportional hazards by scaled Schoenfeld residuals against the rank of
# time (as survival did it before 3.0), and complementary log-log regression of events known at visits with the sandwich by
# patient (observed information). Run from this folder: Rscript survival.R

suppressPackageStartupMessages(library(survival))
rows <- list()
keep <- function(question, term, value) {
  rows[[length(rows) + 1]] <<- data.frame(question, term, value = signif(value, 10))
}
back <- read.csv("data/return.csv")
km <- survfit(Surv(day, event) ~ arm, back, conf.type = "log-log")
at <- summary(km, times = c(20, 40, 60), extend = TRUE)
for (i in seq_along(at$time)) {
  term <- paste(sub("arm=", "", at$strata[i]), at$time[i])
  keep("share", term, at$surv[i])
  keep("low", term, at$lower[i])
  keep("high", term, at$upper[i])
  keep("at risk", term, at$n.risk[i])
}
rmean <- summary(km, rmean = 60)$table
for (i in 1:2) {
  keep("restricted mean", i - 1, rmean[i, "rmean"])
  keep("restricted mean se", i - 1, rmean[i, "se(rmean)"])
}
fits <- list(model = coxph(Surv(day, event) ~ arm + age, back, ties = "breslow"),
             patient = coxph(Surv(day, event) ~ arm + age, back, ties = "breslow", cluster = id),
             clinic = coxph(Surv(day, event) ~ arm + age, back, ties = "breslow", cluster = clinic))
for (name in names(fits)) {
  keep(paste("cox", name), "arm", coef(fits[[name]])[["arm"]])
  keep(paste("cox", name), "se", sqrt(vcov(fits[[name]])["arm", "arm"]))
}
fit <- fits$model
residual <- residuals(fit, "schoenfeld")
g <- rank(as.numeric(rownames(residual)))
g <- g - mean(g)
events <- nrow(residual)
scaled <- residual %*% vcov(fit) * events
statistic <- as.vector(g %*% scaled)^2 / (diag(vcov(fit)) * events * sum(g^2))
keep("proportional", "arm", statistic[1])
keep("proportional", "age", statistic[2])
until <- read.csv("data/visits_until.csv")
fit <- glm(event ~ factor(visit) + arm, binomial("cloglog"), until, control = list(epsilon = 1e-12, maxit = 100))
keep("visits", "arm", coef(fit)[["arm"]])
keep("visits", "se", sqrt(vcov(fit)["arm", "arm"]))
X <- model.matrix(fit)
scores <- function(b) {
  eta <- as.vector(X %*% b)
  mu <- 1 - exp(-exp(eta))
  X * (until$event - mu) * exp(eta - exp(eta)) / (mu * (1 - mu))
}
b <- coef(fit)
information <- -sapply(seq_along(b), function(j) {
  step <- replace(numeric(length(b)), j, 1e-5)
  (colSums(scores(b + step)) - colSums(scores(b - step))) / 2e-5
})
colnames(information) <- names(b)
robust <- solve(information) %*% crossprod(rowsum(scores(b), until$id)) %*% solve(information)
keep("visits", "se patient", sqrt(robust[length(b), length(b)]))
write.csv(do.call(rbind, rows), "survival.csv", row.names = FALSE, quote = FALSE)
